import type { WindowLimits } from './event-window.ts';

/** What a watcher may be away for: upstream's watch cache holds about as much; bytes bound the memory. */
export const windowLimits: WindowLimits = { events: 5_000, bytes: 8 * 1024 * 1024 };
