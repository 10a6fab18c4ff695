import { expect, test } from 'vitest';
import { failureOf } from './csictl-error.ts';

test('what only root may see is told with who may', () => {
  const error = Object.assign(new Error("EACCES: permission denied, scandir '/d/nodes'"), { code: 'EACCES' });
  const hint = 'run it as root: sudo npx csictl …';
  expect(failureOf(error)).toEqual({ exitCode: 1, message: error.message, hint });
});
