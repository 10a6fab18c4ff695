import { median } from '../table.ts';

/** Calls a second, `inFlight` at a time; `call` gets the number of the call. */
export async function rate(
  count: number,
  inFlight: number,
  call: (index: number) => Promise<unknown>,
): Promise<number> {
  const started = performance.now();
  let next = 0;
  const work = async () => {
    for (let index = next++; index < count; index = next++) await call(index);
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  return (count / (performance.now() - started)) * 1000;
}

/** Milliseconds of one call after the other, median. */
export async function latency(count: number, call: (index: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) times.push(await took(() => call(index)));
  return median(times);
}

export async function took(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

export async function repeated(rounds: number, measure: (round: number) => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let round = 0; round < rounds; round++) values.push(await measure(round));
  return median(values);
}

export const perSecond = (value: number) => `${value.toFixed(0)} /s`;
