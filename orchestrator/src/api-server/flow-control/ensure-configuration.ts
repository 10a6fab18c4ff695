import { isConflict, isNotFound } from '@berth/kube';
import { changeOwn } from '../boot/change-own.ts';
import { createOwn } from '../boot/create-own.ts';
import { deleteOwn } from '../boot/delete-own.ts';
import { boolOf } from '../go-bool.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { semanticEqual } from '../resources/equality.ts';
import type { ServerContext } from '../server-context.ts';
import { type DefaultObject, defaultLevels, defaultSchemas, mandatoryNames } from './default-objects.ts';

export const flowControlGroup = 'flowcontrol.apiserver.k8s.io';
/** How upstream signs what it makes. */
const manager = 'api-priority-and-fairness-config-producer-v1';
/** "true": the content is kept as upstream has it; users who set it to "false" keep theirs. */
const autoUpdate = 'apf.kubernetes.io/autoupdate-spec';

/**
 * Makes the objects every cluster begins with and keeps them as they should be; what an older version had and marked as
 * its own goes (registry/flowcontrol/rest, ensurer). Done at a start and once a minute.
 */
export async function ensureConfiguration(context: ServerContext): Promise<void> {
  await ensureKind(context, 'prioritylevelconfigurations', defaultLevels());
  await ensureKind(context, 'flowschemas', defaultSchemas());
}

async function ensureKind(context: ServerContext, plural: string, wanted: readonly DefaultObject[]): Promise<void> {
  const definition = context.registry.ofResource(flowControlGroup, plural);
  if (!definition) return;
  const { objects } = await context.storage(definition).range({ namespace: '' });
  const known = new Map(objects.map(({ object }) => [object.metadata.name ?? '', object]));
  await Promise.all(
    wanted.map((each) => {
      const current = known.get(each.name);
      return current ? revise(context, definition, current, each) : create(context, definition, each);
    }),
  );
  const names = new Set(wanted.map(({ name }) => name));
  for (const [name, object] of known)
    if (!names.has(name) && boolOf(object.metadata.annotations?.[autoUpdate]))
      await deleteOwn(context, { definition, namespace: '', name });
}

async function create(context: ServerContext, definition: ResourceDefinition, { name, spec }: DefaultObject) {
  const metadata = { name, annotations: { [autoUpdate]: 'true' } };
  const apiVersion = `${flowControlGroup}/${definition.version}`;
  const object = { apiVersion, kind: definition.kind, metadata, spec: structuredClone(spec) } as AnyObject;
  await createOwn(context, { definition, object, manager });
}

async function revise(
  context: ServerContext,
  definition: ResourceDefinition,
  current: AnyObject,
  { name, spec: standard }: DefaultObject,
): Promise<void> {
  // How much is set aside for what is exempt is the users' to say.
  const own = name === 'exempt' ? current['spec']?.exempt : undefined;
  const spec = own ? { ...standard, exempt: own } : standard;
  const automatic = mandatoryNames.includes(name) || isAutomatic(current);
  const annotation = String(automatic);
  const marked = current.metadata.annotations?.[autoUpdate];
  const right = !automatic || semanticEqual(current['spec'], spec);
  if (right && boolOf(marked) === automatic) return;
  const change = (next: AnyObject): AnyObject => {
    next.metadata.annotations = { ...next.metadata.annotations, [autoUpdate]: annotation };
    if (automatic) next['spec'] = structuredClone(spec);
    return next;
  };
  const place = { definition, namespace: '', name, subresource: '', endpoint: 'main', manager } as const;
  try {
    await changeOwn(context, { ...place, change });
  } catch (error) {
    // The next round looks at what the other writer made of it.
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}

/** Who says nothing and never changed it has left it to the server. */
function isAutomatic({ metadata }: AnyObject): boolean {
  return boolOf(metadata.annotations?.[autoUpdate]) ?? metadata.generation === 1;
}
