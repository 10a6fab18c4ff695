// Brings a checkout to where it can run: OS packages, locked npm dependencies, compiled programs.
// Plain JavaScript for whatever Node the machine has; everything after it runs on the locked Node 26.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aptInstall } from './apt-install.mjs';
import { fetchAgain } from './fetch-again.mjs';
import { installElsewhere } from './install-elsewhere.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const node = join(root, 'node_modules/.bin/node');

/** Debian's folder, then others'. */
const library = (name) =>
  [`/usr/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`, '/usr/lib64', '/usr/lib'].map((folder) =>
    join(folder, name),
  );

/** What the locked Node is linked against and a minimal Debian lacks. */
const nodePackages = { libatomic1: library('libatomic.so.1') };

/** Debian package → a file that tells it is installed. */
const systemPackages = {
  crun: ['/usr/bin/crun'],
  conmon: ['/usr/bin/conmon', '/usr/libexec/podman/conmon'],
  iproute2: ['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip', '/bin/ip'],
  iptables: ['/usr/sbin/iptables', '/sbin/iptables'],
  'containernetworking-plugins': ['/usr/lib/cni/bridge', '/opt/cni/bin/bridge', '/usr/libexec/cni/bridge'],
  e2fsprogs: ['/sbin/mkfs.ext4', '/usr/sbin/mkfs.ext4'],
  xfsprogs: ['/sbin/mkfs.xfs', '/usr/sbin/mkfs.xfs'],
  'btrfs-progs': ['/bin/mkfs.btrfs', '/usr/bin/mkfs.btrfs', '/sbin/mkfs.btrfs', '/usr/sbin/mkfs.btrfs'],
};

/** crun refuses cgroup v1 with controllers beside a v2 mount; runc does not. */
const hybridPackages = { runc: ['/usr/sbin/runc', '/usr/bin/runc'] };

/** Real servers that tests and benches start. */
const serverPackages = {
  'nfs-ganesha': ['/usr/bin/ganesha.nfsd'],
  'nfs-ganesha-vfs': ganeshaModules(),
  rpcbind: ['/sbin/rpcbind', '/usr/sbin/rpcbind'],
  'etcd-server': ['/usr/bin/etcd'],
};

/** What building and running the test suite needs besides. */
const testPackages = {
  ...serverPackages,
  'golang-go': ['/usr/local/go/bin/go', '/usr/bin/go'],
  'busybox-static': ['/bin/busybox', '/usr/bin/busybox'],
  // Both work on files served by FUSE; python3-minimal, which has the program too, has no mmap.
  git: ['/usr/bin/git', '/usr/local/bin/git'],
  python3: ['/usr/bin/pydoc3', '/usr/local/bin/python3'],
  // Brings the Python client that is tried.
  'python3-pip': onPath('pip3'),
  // Guests of test/vm; without it, or on another architecture, that lane says why it skips.
  ...(process.arch === 'x64' ? { 'qemu-system-x86': ['/usr/bin/qemu-system-x86_64'] } : {}),
};

/** libnfs's programs are what the NFS client is measured beside. */
const benchPackages = { ...serverPackages, 'libnfs-utils': ['/usr/bin/nfs-cat'] };

function onPath(name) {
  return (process.env.PATH ?? '').split(':').map((folder) => join(folder, name));
}

/** Debian keeps the server's modules in the architecture's own folder. */
function ganeshaModules() {
  return ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((name) => `/usr/lib/${name}/ganesha/libfsalvfs.so`);
}

function missingPackages({ system, test, bench }) {
  const hybrid = existsSync('/sys/fs/cgroup/unified');
  const wanted = {
    ...nodePackages,
    ...(system ? systemPackages : {}),
    ...(system && hybrid ? hybridPackages : {}),
    ...(test ? testPackages : {}),
    ...(bench ? benchPackages : {}),
  };
  return Object.keys(wanted).filter((name) => !wanted[name].some((file) => existsSync(file)));
}

function fail(line) {
  process.stderr.write(`berth: ${line}\n`);
  process.exit(1);
}

function installPackages(wantedBy) {
  const missing = missingPackages(wantedBy);
  if (missing.length === 0) return;
  const command = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  const isDebian = existsSync('/usr/bin/apt-get') && existsSync('/etc/debian_version');
  if (!isDebian) fail(`this is not Debian or Ubuntu; ${installElsewhere(missing, existsSync)}`);
  if (process.getuid() !== 0) fail(`packages are missing and this is not root; run: sudo sh -c '${command}'`);
  process.stderr.write(`berth: installing ${missing.join(' ')} (apt-get)\n`);
  const allowServices = forbidServices();
  const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  try {
    aptInstall(missing, (args) => execFileSync('apt-get', args, options));
  } catch {
    allowServices();
    fail(`apt-get failed; see above, then try it yourself: ${command}`);
  }
  allowServices();
  if (missing.includes('etcd-server')) disableService('etcd.service');
}

const servicePolicy = '/usr/sbin/policy-rc.d';
const ownPolicy = '#!/bin/sh\n# Made by the set-up of Berth while it installs packages; remove it.\nexit 101\n';

/** Debian starts a package's service once it is installed (invoke-rc.d asks this program); the programs alone are wanted. */
function forbidServices() {
  const isOurs = existsSync(servicePolicy) && readFileSync(servicePolicy, 'utf8') === ownPolicy;
  if (existsSync(servicePolicy) && !isOurs) return () => undefined;
  writeFileSync(servicePolicy, ownPolicy, { mode: 0o755 });
  return () => rmSync(servicePolicy, { force: true });
}

/** Nor is it to start with the machine. */
function disableService(name) {
  try {
    execFileSync('systemctl', ['disable', name], { stdio: 'ignore' });
  } catch {
    // No systemd: nothing starts it.
  }
}

function runNpm(program, first) {
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  try {
    fetchAgain('npm ci', () => execFileSync(program, [...first, ...args], { cwd: root, stdio: ['ignore', 2, 2] }));
  } catch {
    fail(
      `npm could not install the locked dependencies; see above, then try it yourself: cd ${root} && npm ci --ignore-scripts`,
    );
  }
}

/** An npm on an old Node leaves out optional packages that want a newer one (Vitest's compiler); on the Node it just brought it does not. */
function reinstallWithOwnNode(shipped) {
  const npm = realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim());
  const folder = mkdtempSync(join(tmpdir(), 'berth-node-'));
  try {
    copyFileSync(shipped, join(folder, 'node'));
    runNpm(join(folder, 'node'), [npm]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function installDependencies() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules/.berth-lock');
  if (existsSync(stamp) && existsSync(node) && readFileSync(stamp, 'utf8') === lock) return;
  process.stderr.write('berth: installing locked npm dependencies (npm ci)\n');
  runNpm('npm', []);
  // Debian's npm 9 does not link a program named node.
  const shipped = join(root, `node_modules/node-linux-${process.arch}/bin/node`);
  if (!existsSync(node) && existsSync(shipped)) symlinkSync(shipped, node);
  if (Number(process.versions.node.split('.')[0]) < 20 && existsSync(node)) reinstallWithOwnNode(shipped);
  if (!existsSync(node) && existsSync(shipped)) symlinkSync(shipped, node);
  if (!existsSync(node)) fail(`npm brought no Node for ${process.arch}; Berth runs on linux x64 and arm64`);
  writeFileSync(stamp, lock);
}

function newestSource() {
  let newest = 0;
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else newest = Math.max(newest, statSync(path).mtimeMs);
    }
  };
  for (const name of readdirSync(root)) if (existsSync(join(root, name, 'src'))) visit(join(root, name, 'src'));
  return Math.max(
    newest,
    statSync(join(root, 'package-lock.json')).mtimeMs,
    statSync(join(root, 'scripts/build.ts')).mtimeMs,
  );
}

function build() {
  const stamp = join(root, 'dist/.built');
  const newest = newestSource();
  if (existsSync(stamp) && Number(readFileSync(stamp, 'utf8')) === newest) return;
  try {
    execFileSync(node, [join(root, 'scripts/build.ts')], { stdio: ['ignore', 2, 2] });
  } catch {
    fail('the build failed; see above');
  }
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, String(newest));
}

const wanted = new Set(process.argv.slice(2));
if (Number(process.versions.node.split('.')[0]) < 18)
  fail(`Node ${process.versions.node} is too old to start from; install Debian's nodejs and npm (18 or newer)`);
if (process.platform !== 'linux') fail('Berth needs Linux');
installPackages({ system: wanted.has('system'), test: wanted.has('test'), bench: wanted.has('bench') });
installDependencies();
if (wanted.has('build')) build();
