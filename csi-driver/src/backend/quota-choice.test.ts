import { expect, test } from 'vitest';
import type { Backend } from './backend.ts';
import type { Placement } from './backends.ts';
import type { Pool } from './pool.ts';
import { byQuota } from './quota-choice.ts';

const placed = (name: string, enforcesSize: boolean): Placement => ({
  backend: { name: 'directory', enforcesSize } as Backend,
  pool: { name } as Pool,
});
const [plain, limited, image] = [placed('plain', false), placed('limited', true), placed('image', true)];
const choose = (quota: string | undefined, placements: Placement[]) =>
  byQuota(quota === undefined ? { pool: 'p' } : { pool: 'p', quota }, placements, (parameters) => {
    expect(parameters).toEqual({ pool: 'p', backend: 'image' });
    return [image];
  });

test.each([
  [undefined, [plain, limited], [plain, limited]],
  ['auto', [plain], [plain]],
  ['required', [plain, limited], [limited]],
  ['image', [plain, limited], [limited]],
  ['image', [plain], [image]],
])('quota = %s leaves the pools that can do it', (quota, placements, left) => {
  expect(choose(quota, placements)).toEqual(left);
});

test('quota = required is RESOURCE_EXHAUSTED where no pool enforces sizes, so that another node is tried', () => {
  expect(() => choose('required', [plain])).toThrow(expect.objectContaining({ code: 'RESOURCE_EXHAUSTED' }));
});
