import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { errorOf } from './libc.ts';

test('an errno has the name that man pages give it, where it has two', () => {
  const { EAGAIN, EOPNOTSUPP, ENOENT } = constants.errno;
  const codes = [EAGAIN, EOPNOTSUPP, ENOENT].map((errno) => errorOf(errno, 'openat2', 'x').code);
  expect(codes).toEqual(['EAGAIN', 'EOPNOTSUPP', 'ENOENT']);
});
