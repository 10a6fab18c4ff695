import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { goModule } from './go-program.ts';
import { type ImageRecipe, type LayerEntry, writeDockerArchive } from './image-archive.ts';
import { madeOnce } from './made-once.ts';

type Layer = Readonly<Record<string, LayerEntry>>;

export interface E2eImageSources {
  /** Upstream's test program of many parts, linked statically. */
  readonly agnhost: string;
  /** Of k8s.io/kubernetes: whose source is used. */
  readonly version: string;
}

/** As its manifest of images has them (test/utils/image/manifest.go), which pods of its tests name. */
const registry = 'registry.k8s.io';
const e2eRegistry = `${registry}/e2e-test-images`;

/**
 * Writes archives of those images that Kubernetes' e2e suite runs its pods from, for machines that reach no registry: upstream's
 * own programs in a root filesystem of Debian's busybox-static. @returns their files.
 */
export async function writeE2eImages(directory: string, sources: E2eImageSources): Promise<string[]> {
  mkdirSync(directory, { recursive: true });
  const recipes = e2eImages(sources);
  const files = recipes.map(({ name }) => join(directory, `${name.replace(/^.*\//, '').replace(':', '-')}.tar`));
  // One after the other: one of them alone is 100 MB.
  for (const [i, recipe] of recipes.entries()) await writeDockerArchive(files[i] as string, recipe);
  return files;
}

function e2eImages(sources: E2eImageSources): ImageRecipe[] {
  const { version } = sources;
  const base = busyboxLayer();
  const agnhostLayers = [base, agnhostLayer(sources)];
  const environment = { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], WorkingDir: '/' };
  const image = (name: string, layers: readonly Layer[], config: ImageRecipe['config'] = {}): ImageRecipe => ({
    name,
    layers,
    config: { ...environment, ...config },
  });
  const web = { Cmd: ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/usr/share/nginx/html'] };
  const agnhostConfig = { Entrypoint: ['/agnhost'], Cmd: ['pause'] };
  return [
    image(`${e2eRegistry}/agnhost:2.63.0`, agnhostLayers, agnhostConfig),
    image(`${e2eRegistry}/agnhost:2.55`, agnhostLayers, agnhostConfig),
    image(`${e2eRegistry}/busybox:1.37.0-1`, [base], { Cmd: ['sh'] }),
    // Stands in: of nginx its tests want files served, and a server that can be stopped.
    image(`${e2eRegistry}/nginx:1.15-4`, [base, webLayer], web),
    image(`${e2eRegistry}/nginx:1.27-0`, [base, webLayer], web),
    image(`${e2eRegistry}/nautilus:1.8`, [...agnhostLayers, nautilusLayer(version)], {
      ...agnhostConfig,
      Cmd: ['test-webserver'],
    }),
    image(`${e2eRegistry}/nonroot:1.5`, [base], { Cmd: ['sh'], User: '1234' }),
    image(`${e2eRegistry}/nonewprivs:1.4`, [base, nonewprivsLayer()], { Cmd: ['nnp'] }),
    image(`${registry}/pause:3.10.2`, [{ pause: readFileSync(pauseProgram(version)) }], {
      Entrypoint: ['/pause'],
      User: '65535:65535',
    }),
  ];
}

function busyboxLayer(): Layer {
  const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  const directories = ['dev/', 'etc/', 'home/', 'proc/', 'root/', 'run/', 'sys/', 'usr/bin/', 'usr/sbin/', 'var/'];
  return {
    'bin/busybox': readFileSync('/bin/busybox'),
    ...Object.fromEntries(
      applets
        .filter((name) => !['busybox', 'sh'].includes(name))
        .map((name) => [`bin/${name}`, { symlink: 'busybox' }]),
    ),
    ...Object.fromEntries(directories.map((path) => [path, { mode: 0o755 }])),
    'tmp/': { mode: 0o1777 },
    ...programsOf('usr/bin', ['bash']),
    'bin/bash': { symlink: '/usr/bin/bash' },
    // Debian's busybox has a shell that drops variables whose names are none of a shell's; upstream's passes them on.
    'bin/sh': { symlink: '/usr/bin/bash' },
    ...users('root:x:0:0:root:/root:/bin/sh\n', 'root:x:0:\n'),
  };
}

const users = (passwd: string, group: string): Layer => ({
  'etc/passwd': { mode: 0o644, content: passwd },
  'etc/group': { mode: 0o644, content: group },
});

/** Programs of this machine, with the libraries they are linked to. */
function programsOf(folder: string, names: readonly string[]): Layer {
  const programs = names.map((name) => execFileSync('which', [name], { encoding: 'utf8' }).trim());
  const libraries = execFileSync('ldd', programs, { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(0x/g);
  return {
    ...Object.fromEntries(programs.map((path) => [`${folder}/${path.replace(/^.*\//, '')}`, readFileSync(path)])),
    ...Object.fromEntries([...libraries].map(([, path]) => [(path as string).slice(1), readFileSync(path as string)])),
  };
}

/** With those programs that upstream's image has beside agnhost, and its tests run. */
function agnhostLayer({ agnhost, version }: E2eImageSources): Layer {
  const certificate = (name: string) =>
    readFileSync(join(kubernetesSource(version), 'test/images/agnhost/porter', name), 'utf8');
  return {
    agnhost: readFileSync(agnhost),
    'agnhost-2': { symlink: 'agnhost' },
    'localhost.crt': { mode: 0o644, content: certificate('localhost.crt') },
    'localhost.key': { mode: 0o644, content: certificate('localhost.key') },
    'uploads/': '',
    ...programsOf('usr/bin', ['curl', 'nsenter', 'mount', 'umount', 'ip', 'ss']),
    'usr/local/bin/nsenter': enterHost,
    'usr/local/bin/nc': netcat,
    // One group only the image knows of, for tests of supplementary groups.
    ...users(
      'root:x:0:0:root:/root:/bin/sh\nuser-defined-in-image:x:1000:1000::/home:/bin/sh\n',
      'root:x:0:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n',
    ),
  };
}

/**
 * The suite enters the machine's mounts by its first process, which may be out of reach of its root; whoever
 * started this is on the machine, too.
 */
const enterHost = `#!/bin/sh
first=--mount=/rootfs/proc/1/ns/mnt
while read -r name value; do [ "$name" != PPid: ] || parent=$value; done < /rootfs/proc/self/status
[ "$1" != "$first" ] || [ -n "$(readlink /rootfs/proc/1/ns/mnt)" ] || { shift; set -- "--mount=/rootfs/proc/$parent/ns/mnt" "$@"; }
exec /usr/bin/nsenter "$@"
`;

/** Busybox' has no UDP. An answer is one datagram, of which whoever reads less has no more. */
const netcat = `#!/bin/bash
case " $* " in *" -u "*) ;; *) exec /bin/busybox nc "$@" ;; esac
while getopts uw: option; do [ "$option" != w ] || seconds=$OPTARG; done
shift $((OPTIND - 1))
exec 3<> "/dev/udp/$1/$2"
cat >&3
exec timeout "\${seconds-5}" dd bs=65536 count=1 <&3 2> /dev/null
`;

const webLayer: Layer = {
  'usr/share/nginx/html/': '',
  'usr/share/nginx/html/index.html': { mode: 0o644, content: '<h1>Welcome to nginx!</h1>\n' },
};

function nautilusLayer(version: string): Layer {
  const file = (name: string) => readFileSync(join(kubernetesSource(version), 'test/images/nautilus/html', name));
  return { 'nautilus.jpg': file('nautilus.jpg'), 'data.json': { mode: 0o644, content: file('data.json').toString() } };
}

/** Says which user it runs as although its file would make it root, of which setuid mounts and no_new_privs decide. */
function nonewprivsLayer(): Layer {
  const program = compiled(
    'nnp',
    '#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf("Effective uid: %d\\n", geteuid()); }\n',
  );
  return { 'usr/local/bin/': '', 'usr/local/bin/nnp': { mode: 0o6755, content: readFileSync(program) } };
}

const kubernetesSource = (version: string) => goModule(`k8s.io/kubernetes@${version}`);

function pauseProgram(version: string): string {
  const source = join(kubernetesSource(version), 'build/pause/linux/pause.c');
  return compiled(`pause-${version}`, readFileSync(source, 'utf8'), `-DVERSION=${version}`);
}

function compiled(name: string, source: string, ...flags: string[]): string {
  return madeOnce(`e2e-images/${name}`, (target) => {
    const options = { input: source, stdio: ['pipe', 'ignore', 'inherit'] as ('pipe' | 'ignore' | 'inherit')[] };
    execFileSync('gcc', ['-static', '-Os', '-s', ...flags, '-x', 'c', '-o', target, '-'], options);
  });
}
