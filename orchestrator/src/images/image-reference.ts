import { ImageError } from './image-error.ts';

/** An image name taken apart: `registry.k8s.io/nginx-slim:0.8` or `name@sha256:…` (OCI distribution spec, Docker's short names). */
export interface ImageReference {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const repositoryPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;

const hostPattern = /^([a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/;
const maxNameLength = 255;

/**
 * `name:tag@digest` is `name@digest`: the digest alone says which image.
 * @throws ImageError Invalid – not a name an image can have.
 */
export function parseReference(text: string): ImageReference {
  const [name = '', digest, ...more] = text.split('@');
  const lastSlash = name.lastIndexOf('/');
  const colon = name.indexOf(':', lastSlash + 1);
  const path = colon < 0 ? name : name.slice(0, colon);
  const tag = colon < 0 ? undefined : name.slice(colon + 1);
  const { registry, repository } = splitRegistry(path);
  const bad =
    more.length > 0 ||
    !repositoryPattern.test(repository) ||
    (tag !== undefined && !tagPattern.test(tag)) ||
    (digest !== undefined && !digestPattern.test(digest));
  if (path.length > maxNameLength || bad || !hostPattern.test(registry)) {
    const shown = text.length > 300 ? `${text.slice(0, 300)}…` : text;
    throw new ImageError('Invalid', `couldn't parse image name ${JSON.stringify(shown)}: invalid reference format`);
  }
  return { registry, repository, tag: digest === undefined ? (tag ?? 'latest') : undefined, digest };
}

/** The first part is a registry when it could not be a user's name: it has a dot or a port, or is localhost. */
function splitRegistry(path: string): { registry: string; repository: string } {
  const slash = path.indexOf('/');
  const first = slash < 0 ? '' : path.slice(0, slash);
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  const registry = !isHost || first === 'index.docker.io' ? 'docker.io' : first;
  const rest = isHost ? path.slice(slash + 1) : path;
  return { registry, repository: registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest };
}

/** The full name, which the store knows images by. */
export function formatReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

export function normalizeReference(text: string): string {
  return formatReference(parseReference(text));
}
