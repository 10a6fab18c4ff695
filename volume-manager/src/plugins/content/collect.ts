import type { Pod, ProjectedVolumeSource, ServiceAccountTokenProjection, VolumeProjection } from '@berth/kube';
import { VolumeError } from '../../executor/volume-error.ts';
import type { PayloadFile } from '../../volume-files/payload.ts';
import { collectKeys, configMapData, type KeySelection, secretData } from './collect-keys.ts';
import type { Collect, ContentContext } from './content-source.ts';
import { collectDownward } from './downward.ts';

const defaultFileMode = 0o644;

type Files = [path: string, file: PayloadFile][];

export const collectConfigMap: Collect = async (context, spec, signal) => {
  const source = spec.volume.configMap ?? {};
  const ref = { kind: 'configmap', namespace: spec.pod.metadata.namespace ?? '', name: source.name ?? '' } as const;
  const files = await objectFiles(context, { ref, selection: selectionOf(source) }, signal);
  return { payload: new Map(files) };
};

export const collectSecret: Collect = async (context, spec, signal) => {
  const source = spec.volume.secret ?? {};
  const ref = { kind: 'secret', namespace: spec.pod.metadata.namespace ?? '', name: source.secretName ?? '' } as const;
  const files = await objectFiles(context, { ref, selection: selectionOf(source) }, signal);
  return { payload: new Map(files) };
};

export const collectDownwardApi: Collect = async ({ allocatable }, spec) => {
  const { items = [], defaultMode = defaultFileMode } = spec.volume.downwardAPI ?? {};
  const files = collectDownward(items, { pod: spec.pod, defaultMode, allocatable });
  return { payload: new Map(files) };
};

/** All sources of a projected volume; a later one wins a path (upstream projected.go collectData). */
export const collectProjected: Collect = async (context, spec, signal) => {
  const source: ProjectedVolumeSource = spec.volume.projected ?? {};
  const defaultMode = source.defaultMode ?? defaultFileMode;
  const payload = new Map<string, PayloadFile>();
  const renewals: number[] = [];
  for (const projection of source.sources ?? []) {
    const { files, renewAtMs } = await projectedFiles(context, { projection, pod: spec.pod, defaultMode }, signal);
    for (const [path, file] of files) payload.set(path, file);
    if (renewAtMs !== undefined) renewals.push(renewAtMs);
  }
  return renewals.length > 0 ? { payload, renewAtMs: Math.min(...renewals) } : { payload };
};

interface Projection {
  readonly projection: VolumeProjection;
  readonly pod: Pod;
  readonly defaultMode: number;
}

async function projectedFiles(
  context: ContentContext,
  { projection, pod, defaultMode }: Projection,
  signal: AbortSignal,
): Promise<{ files: Files; renewAtMs?: number }> {
  const namespace = pod.metadata.namespace ?? '';
  const { configMap, secret, downwardAPI, serviceAccountToken } = projection;
  if (configMap) {
    const ref = { kind: 'configmap', namespace, name: configMap.name ?? '' } as const;
    return { files: await objectFiles(context, { ref, selection: selectionOf(configMap, defaultMode) }, signal) };
  }
  if (secret) {
    const ref = { kind: 'secret', namespace, name: secret.name ?? '' } as const;
    return { files: await objectFiles(context, { ref, selection: selectionOf(secret, defaultMode) }, signal) };
  }
  if (downwardAPI) {
    const { allocatable } = context;
    return { files: collectDownward(downwardAPI.items ?? [], { pod, defaultMode, allocatable }) };
  }
  if (serviceAccountToken) return tokenFile(context, { source: serviceAccountToken, pod, defaultMode }, signal);
  const kind = Object.keys(projection)[0] ?? 'empty';
  throw new VolumeError('Final', `projected volume source ${kind} is not supported on this node`);
}

async function tokenFile(
  context: ContentContext,
  { source, pod, defaultMode }: { source: ServiceAccountTokenProjection; pod: Pod; defaultMode: number },
  signal: AbortSignal,
): Promise<{ files: Files; renewAtMs: number }> {
  const { token, renewAtMs } = await context.tokens.get(
    {
      pod,
      audiences: source.audience ? [source.audience] : [],
      ...(source.expirationSeconds === undefined ? {} : { expirationSeconds: source.expirationSeconds }),
    },
    signal,
  );
  const uid = onlyUser(pod);
  const restricted = uid !== undefined || pod.spec?.securityContext?.fsGroup !== undefined;
  const file = { data: Buffer.from(token), mode: restricted ? 0o600 : defaultMode, uid };
  return { files: [[source.path, file]], renewAtMs };
}

/** The user all containers run as, where there is one (upstream volume/util FsUserFrom). */
function onlyUser(pod: Pod): number | undefined {
  const { containers = [], initContainers = [], securityContext } = pod.spec ?? {};
  const users = new Set(
    [...containers, ...initContainers].map((one) => one.securityContext?.runAsUser ?? securityContext?.runAsUser),
  );
  return users.size === 1 ? [...users][0] : undefined;
}

interface ObjectFiles {
  readonly ref: { readonly kind: 'configmap' | 'secret'; readonly namespace: string; readonly name: string };
  readonly selection: KeySelection;
}

async function objectFiles(
  context: ContentContext,
  { ref, selection }: ObjectFiles,
  signal: AbortSignal,
): Promise<Files> {
  const { kind, namespace, name } = ref;
  const object =
    kind === 'secret'
      ? await context.objects.secret(namespace, name, signal)
      : await context.objects.configMap(namespace, name, signal);
  if (!object && !selection.optional) throw new VolumeError('Transient', `${kind} "${name}" not found`);
  return kind === 'secret'
    ? collectKeys(secretData(object), selection, 'secret')
    : collectKeys(configMapData(object), selection, 'config');
}

function selectionOf(
  source: { items?: KeySelection['items']; optional?: boolean; defaultMode?: number },
  defaultMode = source.defaultMode ?? defaultFileMode,
): KeySelection {
  return { items: source.items, defaultMode, optional: source.optional ?? false };
}
