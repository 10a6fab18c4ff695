import { timingSafeEqual } from 'node:crypto';
import type { User } from '../user.ts';
import { type KnownUser, readUserFile } from './user-file.ts';

/** Who a name and a password stand for. */
export interface PasswordAuthenticator {
  authenticate(name: string, password: string): User | undefined;
}

/** Static passwords for HTTP basic authentication (--basic-auth-file). @throws RangeError – see {@link readUserFile}. */
export async function passwordFile(path: string): Promise<PasswordAuthenticator> {
  const users = new Map<string, KnownUser>();
  for (const user of await readUserFile('--basic-auth-file', path)) users.set(user.name, user);
  return {
    authenticate: (name, password) => {
      const known = users.get(name);
      if (!known || !same(known.secret, password)) return undefined;
      const { secret: _secret, ...user } = known;
      return user;
    },
  };
}

/** In a time that tells nothing of where they differ. */
function same(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
