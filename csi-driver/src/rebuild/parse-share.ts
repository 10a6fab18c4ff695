import { type NfsAccess, nfsAccessOf, nfsClassOf } from '../backend/nfs/nfs-parameters.ts';
import { StartError } from '../start-error.ts';

const pattern = /^(\[[^\]]+\]|[^[\]:,]+):(\/[^,]*)((?:,[a-z]+=[^,]*)*)$/;

/**
 * A share as mount(8) has it, `server:/share`; `,nfsvers=3` and `,port=2049` may follow.
 * @throws StartError Usage – it is none.
 */
export function parseShare(text: string): NfsAccess {
  const [, server = '', share = '', options = ''] = pattern.exec(text) ?? [];
  try {
    const parameters = options.split(',').flatMap((option) => {
      const [key = '', value = ''] = option.split('=');
      if (key !== '' && key !== 'nfsvers' && key !== 'port') throw new RangeError(`"${key}" is none of nfsvers, port`);
      return key === '' ? [] : [[key, value]];
    });
    const access = nfsAccessOf(
      nfsClassOf({
        server,
        share,
        ...(Object.fromEntries(parameters) as Record<string, string>),
      }),
    );
    return access;
  } catch (error) {
    const why = (error as Error).message;
    throw new StartError(
      'Usage',
      `--nfs ${JSON.stringify(text.slice(0, 200))} is no share, such as nas:/export: ${why}`,
    );
  }
}
