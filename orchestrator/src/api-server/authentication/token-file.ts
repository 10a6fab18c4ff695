import { hash } from 'node:crypto';
import type { TokenAuthenticator } from '../http/authenticate.ts';
import type { User } from '../user.ts';
import { readUserFile } from './user-file.ts';

/** Static bearer tokens (--token-auth-file), by their hash: how long a look takes tells nothing of them. @throws RangeError – see {@link readUserFile}. */
export async function tokenFile(path: string): Promise<TokenAuthenticator> {
  const users = new Map<string, User>();
  for (const { secret, ...user } of await readUserFile('--token-auth-file', path)) users.set(keyOf(secret), user);
  return { authenticate: async (token) => users.get(keyOf(token)) };
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}
