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

/** @throws ImageError Invalid – not a name an image can have. */
export function parseReference(text: string): ImageReference {
  const [name = '', digest] = text.split('@', 2);
  const lastSlash = name.lastIndexOf('/');
  const colon = name.indexOf(':', lastSlash + 1);
  const path = colon < 0 ? name : name.slice(0, colon);
  const tag = colon < 0 ? (digest === undefined ? 'latest' : undefined) : name.slice(colon + 1);
  const { registry, repository } = splitRegistry(path);
  const bad =
    !repositoryPattern.test(repository) ||
    (tag !== undefined && !tagPattern.test(tag)) ||
    (digest !== undefined && !digestPattern.test(digest));
  if (bad || text.length > 512 || !/^[a-zA-Z0-9.-]+(:\d+)?$/.test(registry)) {
    throw new ImageError('Invalid', `couldn't parse image name "${text}": invalid reference format`);
  }
  return { registry, repository, tag, digest };
}

/** The first part is a registry when it could not be a user's name: it has a dot or a port, or is localhost. */
function splitRegistry(path: string): { registry: string; repository: string } {
  const slash = path.indexOf('/');
  const first = slash < 0 ? '' : path.slice(0, slash);
  if (first.includes('.') || first.includes(':') || first === 'localhost')
    return { registry: first, repository: path.slice(slash + 1) };
  return { registry: 'docker.io', repository: slash < 0 ? `library/${path}` : path };
}

/** The full name, which the store knows images by. */
export function formatReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

export function normalizeReference(text: string): string {
  return formatReference(parseReference(text));
}
