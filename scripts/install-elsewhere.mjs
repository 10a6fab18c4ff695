/** How other distributions install packages, and what they name otherwise than Debian. */
const otherInstallers = {
  '/usr/bin/dnf': {
    command: 'dnf install -y',
    names: { libatomic1: 'libatomic', iproute2: 'iproute', 'golang-go': 'golang', 'busybox-static': 'busybox' },
  },
  '/usr/bin/zypper': {
    command: 'zypper --non-interactive install',
    names: { 'containernetworking-plugins': 'cni-plugins', 'btrfs-progs': 'btrfsprogs', 'golang-go': 'go' },
  },
  '/usr/bin/pacman': {
    command: 'pacman -S --needed --noconfirm',
    names: { libatomic1: 'gcc-libs', 'containernetworking-plugins': 'cni-plugins', 'golang-go': 'go' },
  },
};

/** What to do about missing packages, by Debian's names, where they are not apt's. */
export function installElsewhere(missing, isThere) {
  const found = Object.keys(otherInstallers).find((path) => isThere(path));
  if (!found) return `install what these Debian packages hold, then run again: ${missing.join(' ')}`;
  const { command, names } = otherInstallers[found];
  return `install its packages, then run again: sudo ${command} ${missing.map((name) => names[name] ?? name).join(' ')}`;
}
