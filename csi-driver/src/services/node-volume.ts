import { grpcError } from '@berth/protos';
import type { VolumeSpec } from '../backend/backend.ts';
import type { Backends, Whereabouts } from '../backend/backends.ts';
import { ownParameters } from '../rules/parameters.ts';
import { isVolumeId } from '../rules/volume-id.ts';
import type { ServiceContext } from './services.ts';

/** A volume as node calls need it: from the catalog, or of a server and made by another driver or by hand. */
export type NodeVolume = VolumeSpec & Whereabouts;

type Known = Pick<ServiceContext, 'catalog' | 'backends' | 'driverName'>;

/**
 * The volume of a node call. What the catalog knows counts; else what is staged here; else what the context says,
 * where its `backend` is one whose volumes every node reaches.
 * @throws GrpcError NOT_FOUND – none of them knows it; INVALID_ARGUMENT – the context is of such a backend, but wrong.
 */
export function getOnNode(
  context: Known,
  id: string,
  volumeContext: Readonly<Record<string, string>> = {},
): NodeVolume {
  const volume = isInCatalog(context, id) ? readyOf(context, id) : elsewhere(context, id, volumeContext);
  if (volume) return volume;
  throw grpcError('NOT_FOUND', `volume "${id}" does not exist`);
}

/** The volume of a call that undoes: also one that is being deleted. */
export function findStaged(context: Pick<Known, 'catalog' | 'backends'>, id: string): NodeVolume | undefined {
  return (isVolumeId(id) ? context.catalog.find(id) : undefined) ?? stagedOf(context.backends, id);
}

function isInCatalog({ catalog }: Known, id: string): boolean {
  return isVolumeId(id) && catalog.find(id) !== undefined;
}

function readyOf({ catalog }: Known, id: string): NodeVolume | undefined {
  const record = catalog.find(id);
  return record?.state === 'ready' ? record : undefined;
}

function elsewhere(
  { backends, driverName }: Known,
  id: string,
  volumeContext: Readonly<Record<string, string>>,
): NodeVolume | undefined {
  const own = ownParameters(volumeContext, driverName);
  const backend = backends.all.find(({ name, node }) => name === own['backend'] && node.adopt);
  const adopted = backend?.node.adopt?.(id, own);
  if (backend && adopted) return { ...adopted, backend: backend.name };
  return stagedOf(backends, id);
}

function stagedOf(backends: Backends, id: string): NodeVolume | undefined {
  for (const { name, node } of backends.all) {
    const staged = node.findStaged?.(id);
    if (staged) return { ...staged, backend: name };
  }
  return undefined;
}
