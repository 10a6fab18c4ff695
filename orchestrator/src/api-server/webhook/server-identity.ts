import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { unverified } from './network-words.ts';

/** As Go checks a server's certificate: by its subject alternative names alone. Undefined: it is the server's. */
export function identityError(host: string, certificate: PeerCertificate): Error | undefined {
  const names = certificate.subjectaltname;
  if (!names)
    return new Error(
      unverified(
        certificate.subject?.CN
          ? 'certificate relies on legacy Common Name field, use SANs instead'
          : `certificate is not valid for any names, but wanted to match ${host}`,
      ),
    );
  if (!checkServerIdentity(host, certificate)) return undefined;
  const kind = isIP(host) === 0 ? 'DNS' : 'IP Address';
  const own = names.split(', ').flatMap((name) => (name.startsWith(`${kind}:`) ? [name.slice(kind.length + 1)] : []));
  if (isIP(host) !== 0 && own.length === 0)
    return new Error(unverified(`cannot validate certificate for ${host} because it doesn't contain any IP SANs`));
  const valid = own.length === 0 ? 'not valid for any names, but wanted to match' : `valid for ${own.join(', ')}, not`;
  return new Error(unverified(`certificate is ${valid} ${host}`));
}
