import { existsSync, readlinkSync } from 'node:fs';
import { KernelError } from './kernel-error.ts';
import type { BindOptions, FilesystemMount, Mounter, MountInfo } from './mounter.ts';

const errno = { ENOENT: 2, EBUSY: 16, EINVAL: 22 } as const;

/**
 * The mount table as a model, for tests without root: nothing is shown anywhere, but the table is kept as the kernel keeps it.
 * `failNext` makes the next call of a kind fail, to try what its callers do then.
 */
export class FakeKernel implements Mounter {
  readonly #table: MountInfo[] = [];
  readonly #failures = new Map<'bind' | 'mount' | 'unmount', KernelError[]>();
  #nextId = 100;

  failNext(call: 'bind' | 'mount' | 'unmount', code: string): void {
    const failure = new KernelError(code, 0, call, `${call}: ${code}`);
    this.#failures.set(call, [...(this.#failures.get(call) ?? []), failure]);
  }

  bind(source: string | number, target: string | number, options: BindOptions = {}): void {
    this.#fail('bind');
    const from = existing(source, 'open_tree');
    const mountPoint = existing(target, 'move_mount');
    const below = this.#covering(from);
    const root = below ? `${below.root === '/' ? '' : below.root}${from.slice(below.mountPoint.length)}` : from;
    this.#add({
      mountPoint,
      root: root === '' ? '/' : root,
      device: below?.device ?? '8:1',
      fsType: below?.fsType ?? 'ext4',
      source: below?.source ?? '/dev/fake',
      options: [options.readOnly ? 'ro' : 'rw', ...(options.flags ?? [])],
    });
  }

  mount({ fsType, source, target, options = [] }: FilesystemMount): void {
    this.#fail('mount');
    const mountPoint = existing(target, 'mount');
    const own = options.filter((option) => !option.includes('=') && option !== 'remount' && option !== 'rw');
    const shown = own.includes('ro') ? own : ['rw', ...own];
    if (options.includes('remount')) return this.#change(mountPoint, shown);
    this.#add({ mountPoint, root: '/', device: `0:${this.#nextId}`, fsType, source, options: shown });
  }

  unmount(target: string): void {
    this.#fail('unmount');
    const mountPoint = throughFd(target);
    const index = this.#table.findLastIndex((mount) => mount.mountPoint === mountPoint);
    if (index < 0) throw new KernelError('EINVAL', errno.EINVAL, 'umount2', `umount2 ${target}: EINVAL`);
    this.#table.splice(index, 1);
  }

  mounts(): readonly MountInfo[] {
    return [...this.#table];
  }

  async servingMount(path: string): Promise<MountInfo | undefined> {
    const serving = this.#table.filter(({ mountPoint }) => path === mountPoint || path.startsWith(`${mountPoint}/`));
    const deepest = Math.max(...serving.map(({ mountPoint }) => mountPoint.length));
    return serving.findLast(({ mountPoint }) => mountPoint.length === deepest);
  }

  isLocalMountPoint(path: string): boolean {
    return this.#table.some(({ mountPoint }) => mountPoint === path);
  }

  #covering(path: string): MountInfo | undefined {
    return this.#table.findLast((mount) => path === mount.mountPoint || path.startsWith(`${mount.mountPoint}/`));
  }

  #add(mount: Omit<MountInfo, 'id' | 'parentId' | 'propagation' | 'superOptions'>): void {
    this.#table.push({ id: this.#nextId++, parentId: 1, propagation: [], superOptions: ['rw'], ...mount });
  }

  #change(mountPoint: string, options: readonly string[]): void {
    const index = this.#table.findLastIndex((mount) => mount.mountPoint === mountPoint);
    const mount = this.#table[index];
    if (!mount) throw new KernelError('EINVAL', errno.EINVAL, 'mount', `mount ${mountPoint}: EINVAL`);
    this.#table[index] = { ...mount, options };
  }

  #fail(call: 'bind' | 'mount' | 'unmount'): void {
    const failure = this.#failures.get(call)?.shift();
    if (failure) throw failure;
  }
}

/** `/proc/self/fd/N/name` names an entry of an open directory. */
function throughFd(path: string): string {
  return path.replace(/^\/proc\/self\/fd\/\d+/, (link) => readlinkSync(link));
}

function existing(at: string | number, syscall: string): string {
  const path = typeof at === 'number' ? readlinkSync(`/proc/self/fd/${at}`) : throughFd(at);
  if (!existsSync(path)) throw new KernelError('ENOENT', errno.ENOENT, syscall, `${syscall} ${path}: ENOENT`);
  return path;
}
