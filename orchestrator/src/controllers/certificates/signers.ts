/** What a certificate request asks for. */
export interface AskedCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dns: readonly string[];
  readonly ip: readonly string[];
  readonly email: readonly string[];
  readonly uri: readonly string[];
}

/** Why a signer of ours does not sign; undefined: it does. Words are upstream's (pkg/apis/certificates/helpers.go). */
type Rule = (asked: AskedCertificate, usages: readonly string[]) => string | undefined;

const rules: Readonly<Record<string, Rule>> = {
  'kubernetes.io/kube-apiserver-client': (_, usages) => {
    const other = usages.find((usage) => !['digital signature', 'key encipherment', 'client auth'].includes(usage));
    if (other !== undefined) return `invalid usage for client certificate: ${other}`;
    return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
  },
  'kubernetes.io/kube-apiserver-client-kubelet': (asked, usages) =>
    notOfNodes(asked) ??
    (asked.dns.length > 0 ? 'DNS subjectAltNames are not allowed' : undefined) ??
    (asked.email.length > 0 ? 'Email subjectAltNames are not allowed' : undefined) ??
    (asked.ip.length > 0 ? 'IP subjectAltNames are not allowed' : undefined) ??
    (asked.uri.length > 0 ? 'URI subjectAltNames are not allowed' : undefined) ??
    notANode(asked) ??
    otherUsages(usages, 'client auth'),
  'kubernetes.io/kubelet-serving': (asked, usages) =>
    notOfNodes(asked) ??
    (asked.dns.length + asked.ip.length === 0 ? 'DNS or IP subjectAltName is required' : undefined) ??
    (asked.email.length > 0 ? 'Email subjectAltNames are not allowed' : undefined) ??
    (asked.uri.length > 0 ? 'URI subjectAltNames are not allowed' : undefined) ??
    otherUsages(usages, 'server auth') ??
    notANode(asked),
};

export function isOurSigner(name: string): boolean {
  return Object.hasOwn(rules, name);
}

export function recognize(signerName: string, asked: AskedCertificate, usages: readonly string[]): string | undefined {
  return rules[signerName]?.(asked, usages);
}

function notOfNodes({ organizations }: AskedCertificate): string | undefined {
  return organizations.length === 1 && organizations[0] === 'system:nodes'
    ? undefined
    : 'subject organization is not system:nodes';
}

function notANode({ commonName }: AskedCertificate): string | undefined {
  return commonName.startsWith('system:node:') ? undefined : 'subject common name does not begin with system:node:';
}

/** Keys that are not RSA encipher nothing. */
function otherUsages(usages: readonly string[], purpose: string): string | undefined {
  const wanted = [purpose, 'digital signature', 'key encipherment'].toSorted();
  const given = new Set(usages);
  const fits =
    given.has(purpose) && given.has('digital signature') && [...given].every((usage) => wanted.includes(usage));
  return fits ? undefined : `usages did not match [${wanted.join(' ')}]`;
}
