import type { Socket } from 'node:net';

/** What Node's handle of a connection has for who reads it, whatever reads it in JavaScript. */
export interface ReadingHandle {
  readonly bytesRead: number;
  /** Told of what was read, where its socket is read as a stream. */
  onread: () => void;
  readStart(): void;
  readStop(): void;
}

/** None: it is closed. */
export function readingHandleOf(socket: Socket): ReadingHandle | undefined {
  return (socket as { _handle?: ReadingHandle | null })._handle ?? undefined;
}
