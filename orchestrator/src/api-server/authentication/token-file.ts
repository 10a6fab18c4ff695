import type { TokenAuthenticator } from '../http/authenticate.ts';
import type { User } from '../user.ts';
import { readUserFile } from './user-file.ts';

/** Static bearer tokens (--token-auth-file). @throws RangeError – see {@link readUserFile}. */
export async function tokenFile(path: string): Promise<TokenAuthenticator> {
  const users = new Map<string, User>();
  for (const { secret, ...user } of await readUserFile('--token-auth-file', path)) users.set(secret, user);
  return { authenticate: async (token) => users.get(token) };
}
