import {
  type ConfigMap,
  type Container,
  type EnvVar,
  isNotFound,
  type KubeClient,
  type Pod,
  resources,
  type Secret,
  type Service,
} from '@berth/kube';
import type { MachineResources } from '../node/machine-facts.ts';
import { expandVariables } from './expand-variables.ts';
import { fieldValue, type PodAddresses, resourceValue } from './field-reference.ts';
import { serviceEnvironment, servicesForPod } from './service-environment.ts';
import { StartError } from './start-error.ts';

export interface EnvironmentInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly addresses: PodAddresses;
  readonly services: readonly Service[];
  readonly node: MachineResources;
  readonly client: KubeClient;
}

/**
 * A container's environment: service links, then envFrom, then env with `$(NAME)` expanded (kubelet makeEnvironmentVariables).
 * @throws StartError CreateContainerConfigError – a config map, secret or key is missing.
 */
export async function containerEnvironment(input: EnvironmentInput, signal: AbortSignal): Promise<Map<string, string>> {
  const { pod, container } = input;
  const source = new EnvironmentSources(input, signal);
  const result = new Map<string, string>();
  for (const from of container.envFrom ?? []) {
    const data = from.configMapRef
      ? await source.configMap(from.configMapRef.name, from.configMapRef.optional ?? false)
      : await source.secret(from.secretRef?.name, from.secretRef?.optional ?? false);
    for (const [key, value] of Object.entries(data ?? {})) result.set((from.prefix ?? '') + key, value);
  }
  const enabled = pod.spec?.enableServiceLinks ?? true;
  const links = serviceEnvironment(servicesForPod(input.services, pod.metadata.namespace ?? '', enabled));
  const seen = new Map(result);
  for (const variable of container.env ?? []) {
    const value = await variableValue(input, variable, source, (name) => seen.get(name) ?? links.get(name));
    if (value === undefined) continue;
    seen.set(variable.name, value);
    result.set(variable.name, value);
  }
  for (const [name, value] of links) if (!result.has(name)) result.set(name, value);
  return result;
}

async function variableValue(
  input: EnvironmentInput,
  variable: EnvVar,
  source: EnvironmentSources,
  lookup: (name: string) => string | undefined,
): Promise<string | undefined> {
  if (variable.value) return expandVariables(variable.value, lookup);
  const from = variable.valueFrom;
  if (!from) return '';
  if (from.fieldRef) return fieldValue(input.pod, from.fieldRef.fieldPath, input.addresses);
  if (from.resourceFieldRef) return resourceValue(input.pod, input.container, from.resourceFieldRef, input.node);
  if (from.configMapKeyRef) return source.configMapKey(from.configMapKeyRef);
  if (from.secretKeyRef) return source.secretKey(from.secretKeyRef);
  return '';
}

interface KeyReference {
  readonly name?: string;
  readonly key: string;
  readonly optional?: boolean;
}

/** Config maps and secrets of one start, each read once. */
class EnvironmentSources {
  readonly #input: EnvironmentInput;
  readonly #signal: AbortSignal;
  readonly #read = new Map<string, Promise<Record<string, string> | undefined>>();

  constructor(input: EnvironmentInput, signal: AbortSignal) {
    this.#input = input;
    this.#signal = signal;
  }

  async configMap(name = '', optional: boolean) {
    return this.#once(`configmap ${name}`, optional, async (ref) => {
      const { data = {} } = await this.#input.client.get<ConfigMap>(resources.configmaps, ref, this.#signal);
      return data;
    });
  }

  async secret(name = '', optional: boolean) {
    return this.#once(`secret ${name}`, optional, async (ref) => {
      const { data = {} } = await this.#input.client.get<Secret>(resources.secrets, ref, this.#signal);
      return Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v, 'base64').toString()]));
    });
  }

  async configMapKey({ name = '', key, optional = false }: KeyReference): Promise<string | undefined> {
    return this.#keyOf(await this.configMap(name, optional), { key, optional, what: 'ConfigMap', name });
  }

  async secretKey({ name = '', key, optional = false }: KeyReference): Promise<string | undefined> {
    return this.#keyOf(await this.secret(name, optional), { key, optional, what: 'Secret', name });
  }

  #keyOf(
    data: Record<string, string> | undefined,
    { key, optional, what, name }: { key: string; optional: boolean; what: string; name: string },
  ): string | undefined {
    if (data && Object.hasOwn(data, key)) return data[key];
    if (optional) return undefined;
    const where = `${this.#input.pod.metadata.namespace}/${name}`;
    throw new StartError('CreateContainerConfigError', `couldn't find key ${key} in ${what} ${where}`);
  }

  #once(
    id: string,
    optional: boolean,
    read: (ref: { namespace: string; name: string }) => Promise<Record<string, string>>,
  ) {
    const [, name = ''] = id.split(' ');
    const namespace = this.#input.pod.metadata.namespace ?? '';
    const known = this.#read.get(id) ?? read({ namespace, name }).catch((error: unknown) => this.#missing(error, id));
    this.#read.set(id, known);
    return known.then((data) => {
      if (data || optional) return data;
      const [kind] = id.split(' ');
      throw new StartError('CreateContainerConfigError', `${kind} "${name}" not found`);
    });
  }

  #missing(error: unknown, id: string): undefined {
    if (isNotFound(error)) return undefined;
    const text = error instanceof Error ? error.message : String(error);
    throw new StartError('CreateContainerConfigError', `failed to read ${id}: ${text}`);
  }
}
