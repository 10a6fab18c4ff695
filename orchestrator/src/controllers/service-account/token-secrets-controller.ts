import { isNotFound, resources, type Secret, type ServiceAccount, startInformers } from '@berth/kube';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';

const tokenSecretType = 'kubernetes.io/service-account-token';
const accountName = 'kubernetes.io/service-account.name';
const accountUid = 'kubernetes.io/service-account.uid';

/** A long-lived token of a service account, which is as good as the Secret it is in. */
export interface LegacyToken {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  readonly secret: string;
}

export interface TokenSecretsOptions {
  /** The cluster's certificate authority, which a token's holder needs as well. */
  readonly caPem: string;
  readonly sign: (token: LegacyToken) => Promise<string>;
}

/**
 * Secrets made for a service account's token get it, and go with the account (controller/serviceaccount tokens_controller).
 * It watches for itself: where secrets cannot be read, nobody else waits for them.
 */
export function startTokenSecretsController(
  deps: ControllerDeps,
  options: TokenSecretsOptions,
  signal: AbortSignal,
): AsyncDisposable {
  const informers = startInformers(deps.client, deps, signal);
  const secrets = informers.of(resources.secrets, { fieldSelector: `type=${tokenSecretType}` });
  const reconcile = async (key: string): Promise<undefined> => {
    const secret = secrets.get(key as Parameters<typeof secrets.get>[0]);
    if (!secret || secret.metadata.deletionTimestamp) return;
    await settle(deps, secret, options);
  };
  const running = new RunningController(
    { ...deps, informers },
    { name: 'tokens', queueName: 'serviceaccount_tokens_service', reconcile },
    signal,
  );
  secrets.onChange((key, { after }) => after && running.queue.add(key));
  deps.informers.of(resources.serviceaccounts).onChange((key, { after }) => {
    if (after) return;
    for (const secret of secrets.list()) {
      const { namespace, name, annotations } = secret.metadata;
      if (`${namespace}/${annotations?.[accountName]}` === key) running.queue.add(`${namespace}/${name}`);
    }
  });
  return {
    [Symbol.asyncDispose]: async () => {
      await running[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
    },
  };
}

async function settle({ client }: ControllerDeps, secret: Secret, { caPem, sign }: TokenSecretsOptions): Promise<void> {
  const { namespace = '', name = '', annotations = {}, uid = '' } = secret.metadata;
  const account = annotations[accountName] ?? '';
  const found = await client.get(resources.serviceaccounts, { namespace, name: account }).catch(unlessGone);
  const known = annotations[accountUid];
  if (!found || (known !== undefined && known !== '' && known !== found.metadata.uid)) {
    await client.delete(resources.secrets, { namespace, name }, { preconditions: { uid } }).catch(unlessGone);
    return;
  }
  const serviceAccountUid = found.metadata.uid ?? '';
  const wanted = {
    'ca.crt': base64(caPem),
    namespace: base64(namespace),
    token:
      secret.data?.['token'] ||
      base64(await sign({ namespace, serviceAccount: account, serviceAccountUid, secret: name })),
  };
  const data = { ...secret.data, ...wanted };
  const same = Object.entries(wanted).every(([field, value]) => secret.data?.[field] === value);
  if (same && known === serviceAccountUid) return;
  const metadata = { ...secret.metadata, annotations: { ...annotations, [accountUid]: serviceAccountUid } };
  await client.update(resources.secrets, { ...secret, metadata, data });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function unlessGone(error: unknown): ServiceAccount | undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}
