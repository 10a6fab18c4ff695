import type { Command } from 'commander';
import { action, type Run } from '../command-action.ts';
import type { Terminal } from '../terminal.ts';

const examples = `
Examples:
  csictl nfs ls nfs://server/share
  csictl nfs cat nfs://server/share/dir/file.txt
  csictl nfs cp -r nfs://server/share/volumes/pvc-1 ./pvc-1
  csictl nfs cp backup.tar 'nfs://server/share/backup.tar?version=3&port=12049&mountport=12048&portmapport=1111'
  csictl nfs df nfs://[fd00::7]/share -o json

URLs are nfs://SERVER[:PORT]/EXPORT/PATH, with "?" and any of version=3|4.1|4.2, port, mountport, portmapport, export=/PATH
(where the export ends, for servers that do not tell), uid, gid (default: yours), privileged=yes|no (default: as root).
No kernel client is used, nothing is mounted, and no symlink is followed below what is named.
`;

/** `csictl nfs` */
export function addNfsCommands(program: Command, terminal: Terminal): void {
  const nfs = program
    .command('nfs')
    .description('looks at and copies files of NFS servers, without a mount')
    .addHelpText('after', examples);
  const look = () => import('./nfs-look.ts');
  const add = (name: string, description: string, load: () => Promise<Run>, isLong = false) =>
    nfs
      .command(name)
      .description(description)
      .addHelpText('after', examples)
      .action(action(terminal, async (session, given) => (await load())(session, given), { isLong }));
  const named = (choose: (commands: Awaited<ReturnType<typeof look>>) => Run) => async (): Promise<Run> => {
    const [commands, { naming }] = await Promise.all([look(), import('./named-failure.ts')]);
    return (session, given) => naming(String(given.argument), () => choose(commands)(session, given));
  };
  add(
    'ls <url>',
    'entries of a directory',
    named(({ nfsList }) => nfsList),
  );
  add(
    'cat <url>',
    'the bytes of a file',
    named(({ nfsCat }) => nfsCat),
    true,
  );
  add(
    'df <url>',
    'the room of the filesystem',
    named(({ nfsSpace }) => nfsSpace),
  );
  add(
    'cp <from> <to>',
    'copy from, to or between servers',
    async () => (await import('./nfs-cp.ts')).nfsCopy,
    true,
  ).option('-r, --recursive', 'directories with all below');
}
