/** One entry of `auths` in a Docker config (`~/.docker/config.json`, a Secret of type kubernetes.io/dockerconfigjson). */
export interface DockerAuth {
  readonly username?: string;
  readonly password?: string;
  /** base64 of `username:password` */
  readonly auth?: string;
  readonly identitytoken?: string;
}

export interface RegistryCredentials {
  readonly server: string;
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
}

/**
 * The credentials of a Docker config that fit an image, the most specific first: by registry, port, `*` in parts of the
 * host, and the beginning of the repository (kubernetes pkg/credentialprovider/keyring.go). `image` is a full name.
 */
export function credentialsFor(auths: Readonly<Record<string, DockerAuth>>, image: string): RegistryCredentials[] {
  const entries = Object.entries(auths)
    .flatMap(([server, auth]) => {
      const place = placeOf(server);
      return place && typeof auth === 'object' && auth !== null ? [{ server, place, auth }] : [];
    })
    .sort((a, b) => (a.place < b.place ? 1 : -1));
  // Not by a pattern: an image's name may be of many `@`, and lines.
  const [named = ''] = image.split('@', 1);
  const name = named.replace(/:[^/:]*$/, '');
  const fitting = entries.filter(({ place }) => matches(place, name));
  const isDocker = fitting.length === 0 && name.startsWith('docker.io/');
  const found = isDocker ? entries.filter(({ place }) => place === 'index.docker.io') : fitting;
  return found.map(({ server, auth }) => asCredentials(server, auth));
}

/** `https://index.docker.io/v1/` → `index.docker.io`. */
function placeOf(server: string): string | undefined {
  const bare = server.replace(/^https?:\/\//, '');
  const [host = ''] = bare.split('/');
  const path = bare.slice(host.length).replace(/^\/v[12]\//, '/');
  return host === '' ? undefined : host + (path === '/' ? '' : path);
}

function matches(place: string, name: string): boolean {
  const [pattern, wanted] = [split(place), split(name)];
  if (pattern.port !== wanted.port || !wanted.path.startsWith(pattern.path)) return false;
  const [globs, parts] = [pattern.host.split('.'), wanted.host.split('.')];
  return globs.length === parts.length && globs.every((glob, index) => globFits(glob, parts[index] as string));
}

function split(place: string) {
  const [address = ''] = place.split('/');
  const [host = '', port = ''] = address.split(':');
  return { host, port, path: place.slice(address.length) };
}

/** `*` and `?`, in steps that only the last `*` takes again: a Secret's author chooses the glob. */
function globFits(glob: string, text: string): boolean {
  let [at, star, from] = [0, -1, 0];
  for (let i = 0; i < text.length; ) {
    if (glob[at] === '*') {
      star = at++;
      from = i;
    } else if (glob[at] === '?' || glob[at] === text[i]) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++from;
    } else return false;
  }
  return /^\**$/.test(glob.slice(at));
}

function asCredentials(server: string, { auth, username, password, identitytoken }: DockerAuth): RegistryCredentials {
  const [user = '', ...rest] = auth ? Buffer.from(auth, 'base64').toString().split(':') : [];
  return {
    server,
    username: user || (username ?? ''),
    // Docker fills the field up with NULs.
    password: user ? rest.join(':').replace(/\0+$/, '') : (password ?? ''),
    identityToken: identitytoken ?? '',
  };
}
