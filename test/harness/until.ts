import { type FakeClock, settle, systemClock } from '@berth/kit';

/** Lets promises run, and time go on by `stepMs`, until the condition holds. Fails after `limitMs` of fake time; `disk` gives real files their real time. */
export async function until(
  clock: FakeClock,
  condition: () => boolean,
  { stepMs = 1, limitMs = 3000, disk = false } = {},
): Promise<void> {
  for (let passed = 0; passed <= limitMs; passed += stepMs) {
    await settle();
    if (disk) await systemClock.sleep(2);
    if (condition()) return;
    await clock.advance(stepMs);
  }
  throw new Error(`still not so after ${limitMs} ms: ${condition}`);
}
