import { csiRoot } from '@berth/protos';
import { CsictlError } from '../csictl-error.ts';

const modes = csiRoot.lookupEnum('csi.v1.VolumeCapability.AccessMode.Mode').values;

export interface CapabilityInput {
  readonly block?: Record<string, never>;
  readonly mount?: { fsType: string; mountFlags: string[]; volumeMountGroup: string };
  readonly accessMode: { mode: string };
}

const usage = `write it as MODE,mount[,FSTYPE][,flag=FLAG…][,group=GID] or MODE,block; modes are ${Object.keys(modes).slice(1).join(', ')}`;

/**
 * `SINGLE_NODE_WRITER,mount,ext4,flag=noatime` or `SINGLE_NODE_WRITER,block` as a volume capability.
 * @throws CsictlError USAGE – it has another form; mount flags are not repeated, they may be secret.
 */
export function readCapability(text: string): CapabilityInput {
  const [mode = '', access = 'mount', ...rest] = text.split(',');
  if (!Object.hasOwn(modes, mode)) throw refused(`--cap: there is no access mode ${JSON.stringify(mode)}`);
  const accessMode = { mode };
  if (access === 'block' && rest.length === 0) return { block: {}, accessMode };
  if (access !== 'mount') throw refused(`--cap: a volume is used as mount or block, not as ${JSON.stringify(access)}`);
  const mount = { fsType: '', mountFlags: [] as string[], volumeMountGroup: '' };
  for (const [index, part] of rest.entries()) {
    if (part.startsWith('flag=')) mount.mountFlags.push(part.slice('flag='.length));
    else if (part.startsWith('group=')) mount.volumeMountGroup = part.slice('group='.length);
    else if (index === 0) mount.fsType = part;
    else throw refused(`--cap: part ${index + 3} is neither flag=FLAG nor group=GID`);
  }
  return { mount, accessMode };
}

function refused(message: string): CsictlError {
  return new CsictlError('USAGE', message, { hint: usage });
}
