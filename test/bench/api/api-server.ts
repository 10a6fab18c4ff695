import { readFileSync } from 'node:fs';
import { httpTransport, KubeClient, loadKubeconfig, resources } from '@berth/kube';
import { Berth } from '../../harness/berth.ts';
import { type Endpoint, RawConnection } from './raw-connection.ts';

export const namespace = 'bench';

/** `berth apiserver`, asked by a user with rights of RBAC's, not by an administrator. */
export class ApiServer implements AsyncDisposable {
  readonly #berth: Berth;
  readonly #user: Pick<Endpoint, 'ca' | 'token'>;

  private constructor(berth: Berth, user: Pick<Endpoint, 'ca' | 'token'>) {
    this.#berth = berth;
    this.#user = user;
  }

  /** `args`: of `berth apiserver`, such as which etcd is its store. */
  static async start(args: readonly string[] = []): Promise<ApiServer> {
    const berth = await Berth.start({ command: 'apiserver', args });
    const { transport } = await loadKubeconfig(berth.ready.kubeconfig);
    using http = httpTransport(transport);
    const token = await userToken(new KubeClient(http));
    return new ApiServer(berth, { ca: String(transport.ca), token });
  }

  open(count: number): Promise<RawConnection[]> {
    const { hostname, port } = new URL(this.#berth.ready.server);
    const endpoint = { ...this.#user, host: hostname, port: Number(port) };
    return Promise.all(Array.from({ length: count }, () => RawConnection.open(endpoint)));
  }

  /** Stops it and starts it again on its data. @returns milliseconds until it is ready, as it says itself. */
  async restart(): Promise<number> {
    await this.#berth.stop();
    return (await this.#berth.up()).startedInMs;
  }

  get pid(): number {
    return this.#berth.ready.pid;
  }

  rssMb(): number {
    return rssMbOf(this.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#berth[Symbol.asyncDispose]();
  }
}

export function rssMbOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** The token of a service account that may do what the bench does, and no more. */
async function userToken(client: KubeClient): Promise<string> {
  const name = 'bench-user';
  await client.create(resources.namespaces, { metadata: { name: namespace } });
  // Pods want the second, and no controller runs that makes it.
  for (const each of [name, 'default'])
    await client.create(resources.serviceaccounts, { metadata: { name: each, namespace } });
  const rules = [{ apiGroups: [''], resources: ['configmaps', 'pods'], verbs: ['*'] }];
  await client.create(resources.clusterroles, { metadata: { name }, rules });
  await client.create(resources.clusterrolebindings, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  });
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 86_400 } };
  const { status } = await client.raw<{ readonly status: { readonly token: string } }>({ method: 'POST', path, body });
  return status.token;
}
