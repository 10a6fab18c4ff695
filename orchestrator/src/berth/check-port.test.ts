import { expect, test } from 'vitest';
import { checkPort } from './check-port.ts';

test('an address of another machine is refused, whichever port is asked for', async () => {
  const refused = { code: 'Usage', message: 'this machine has no address 203.0.113.9' };
  await expect(checkPort({ address: '203.0.113.9', port: 0 })).rejects.toMatchObject(refused);
  await checkPort({ address: '127.0.0.1', port: 0 });
});
