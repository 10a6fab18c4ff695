import { type FakeClock, settle } from '@berth/kit';

/** Lets promises run, and time go on by `stepMs`, until the condition holds. Fails after `limitMs` of fake time. */
export async function until(
  clock: FakeClock,
  condition: () => boolean,
  { stepMs = 1, limitMs = 3000 } = {},
): Promise<void> {
  for (let passed = 0; passed <= limitMs; passed += stepMs) {
    await settle();
    if (condition()) return;
    await clock.advance(stepMs);
  }
  throw new Error(`still not so after ${limitMs} ms: ${condition}`);
}
