import { expect, test } from 'vitest';

interface Module {
  readonly installElsewhere: (missing: readonly string[], isThere: (path: string) => boolean) => string;
}

/** Plain JavaScript, as it runs on whatever Node a machine has. */
const { installElsewhere }: Module = await import(new URL('../../scripts/install-elsewhere.mjs', import.meta.url).href);
const missing = ['crun', 'iproute2', 'containernetworking-plugins', 'btrfs-progs', 'libatomic1'];

test.each([
  ['dnf', 'sudo dnf install -y crun iproute containernetworking-plugins btrfs-progs libatomic'],
  ['zypper', 'sudo zypper --non-interactive install crun iproute2 cni-plugins btrfsprogs libatomic1'],
  ['pacman', 'sudo pacman -S --needed --noconfirm crun iproute2 cni-plugins btrfs-progs gcc-libs'],
])('where %s installs packages, the command to run is told in its words', (program, command) => {
  const words = installElsewhere(missing, (path) => path === `/usr/bin/${program}`);
  expect(words).toBe(`install its packages, then run again: ${command}`);
});

test('where nothing known installs packages, Debian names tell what they hold', () => {
  const words = `install what these Debian packages hold, then run again: ${missing.join(' ')}`;
  expect(installElsewhere(missing, () => false)).toBe(words);
});
