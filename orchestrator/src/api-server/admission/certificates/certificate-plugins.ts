import type { CertificateSigningRequest } from '@berth/kube';
import type { Authorizer } from '../../authorizer.ts';
import { forbidden } from '../../resource-errors.ts';
import { semanticEqual } from '../../resources/equality.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';

const group = 'certificates.k8s.io';
const clientSigner = 'kubernetes.io/kube-apiserver-client';

/** Asked at each request: the server's authorizer is made after admission. */
export type AuthorizerNow = () => Authorizer;

/** Who approves must be one who may for that signer (admission CertificateApproval). */
export function certificateApproval(authorizer: AuthorizerNow): AdmissionPlugin {
  return async (request) => {
    const { old, definition, name } = request;
    if (!old || !isOf(request, 'approval') || (await mayFor(authorizer(), request, 'approve'))) return;
    const why = `user not permitted to approve requests with signerName ${JSON.stringify(signerOf(old))}`;
    throw forbidden(definition, name, why);
  };
}

/** Who signs, or says that it failed, must be one who may for that signer (admission CertificateSigning). */
export function certificateSigning(authorizer: AuthorizerNow): AdmissionPlugin {
  return async (request) => {
    const { object, old, definition, name } = request;
    if (!old || !isOf(request, 'status')) return;
    const [next, had] = [object, old].map((one) => (one as CertificateSigningRequest).status ?? {});
    const same = (field: 'certificate' | 'conditions') => semanticEqual(next?.[field] ?? null, had?.[field] ?? null);
    if (same('certificate') && same('conditions')) return;
    if (await mayFor(authorizer(), request, 'sign')) return;
    const why = `user not permitted to sign requests with signerName ${JSON.stringify(signerOf(old))}`;
    throw forbidden(definition, name, why);
  };
}

/** No certificate makes its holder a superuser (admission CertificateSubjectRestriction). */
export const certificateSubjectRestriction: AdmissionPlugin = (request) => {
  const { object, operation, definition, name } = request;
  if (operation !== 'create' || !isOf(request, '') || signerOf(object) !== clientSigner) return;
  return refuseSuperusers((object as CertificateSigningRequest).spec.request).then((why) => {
    if (why !== undefined) throw forbidden(definition, name, why);
  });
};

async function refuseSuperusers(request: string): Promise<string | undefined> {
  const { organizationsOf } = await import('./request-subject.ts');
  try {
    if (!organizationsOf(Buffer.from(request, 'base64').toString()).includes('system:masters')) return undefined;
    return `use of ${clientSigner} signer with system:masters group is not allowed`;
  } catch (error) {
    if (error instanceof RangeError) return `failed to parse CSR: ${error.message}`;
    throw error;
  }
}

function isOf({ definition, subresource }: AdmissionRequest, wanted: string): boolean {
  return definition.group === group && definition.plural === 'certificatesigningrequests' && subresource === wanted;
}

/** What stood before counts: nobody changes the signer on the way. */
function signerOf(object: object): string {
  return (object as CertificateSigningRequest).spec?.signerName ?? '';
}

/** For that signer, or for all of its domain. */
async function mayFor(authorizer: Authorizer, { user, old }: AdmissionRequest, verb: string): Promise<boolean> {
  const signer = signerOf(old ?? {});
  for (const name of [signer, `${signer.split('/')[0]}/*`]) {
    const attributes = { user, verb, namespace: '', group, resource: 'signers', subresource: '', name, path: '' };
    if ((await authorizer.authorize(attributes)).allowed) return true;
  }
  return false;
}
