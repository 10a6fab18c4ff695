import type { Clock } from '@berth/kit';
import { type cri, type GrpcCode, grpcError, type Init, type ServiceClient } from '@berth/protos';
import { ImageError } from './image-error.ts';
import { normalizeReference } from './image-reference.ts';
import type { ImageSummary, Images } from './image-store.ts';
import type { RegistryAuth } from './registry-auth.ts';

const codes: Record<ImageError['code'], GrpcCode> = {
  NotFound: 'NOT_FOUND',
  Invalid: 'INVALID_ARGUMENT',
  Denied: 'PERMISSION_DENIED',
  Unavailable: 'UNAVAILABLE',
  Full: 'RESOURCE_EXHAUSTED',
  InUse: 'FAILED_PRECONDITION',
};

export interface ImageServiceOptions {
  readonly images: Images;
  readonly folder: string;
  readonly clock: Clock;
}

/** CRI's ImageService over the image store, for the kubelet in this process. */
export function createImageService({ images, folder, clock }: ImageServiceOptions): ServiceClient<cri.ImageService> {
  const listed = async (filter: string | undefined): Promise<cri.Image[]> => {
    if (filter) {
      const one = await images.find(filter);
      return one ? [describe(one)] : [];
    }
    return (await images.list()).map(describe);
  };
  return {
    ListImages: ({ filter }) => wire(async () => ({ images: await listed(filter?.image?.image) })),
    StreamImages: async function* ({ filter }) {
      yield { images: await listed(filter?.image?.image) };
    },
    ImageStatus: ({ image }) =>
      wire(async () => {
        const found = await images.find(image?.image ?? '');
        return { image: found ? describe(found) : null, info: {} };
      }),
    PullImage: ({ image, auth }, options) =>
      wire(async () => {
        const reference = image?.image ?? '';
        const credentials = authOf(auth);
        const pulled = await images
          .pull(reference, {
            ...(credentials && { auth: credentials }),
            ...(options?.signal && { signal: options.signal }),
          })
          .catch((error: unknown) => {
            throw error instanceof ImageError ? explained(error, reference) : error;
          });
        return { imageRef: pulled.id };
      }),
    RemoveImage: ({ image }) =>
      wire(async () => {
        const found = await images.find(image?.image ?? '');
        // CRI removes the image itself, with all its names.
        if (found) await images.remove(found.id);
        return {};
      }),
    ImageFsInfo: () =>
      wire(async () => {
        const usage = await images.diskUsage();
        const filesystem = {
          timestamp: String(clock.now() * 1_000_000),
          fsId: { mountpoint: folder },
          usedBytes: { value: String(usage.bytes) },
          inodesUsed: { value: String(usage.inodes) },
        };
        return { imageFilesystems: [filesystem], containerFilesystems: [] };
      }),
  };
}

async function wire<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ImageError) throw grpcError(codes[error.code], error.message, { cause: error });
    throw error;
  }
}

/** In containerd's words, which is what people search for. */
function explained(error: ImageError, reference: string): ImageError {
  if (/^couldn't parse/.test(error.message)) return error;
  const text = `failed to pull and unpack image "${normalizeReference(reference)}": ${error.message}`;
  return new ImageError(error.code, text, { cause: error });
}

function describe({ id, names, repoDigests, size, user }: ImageSummary): cri.Image {
  const uid = user !== undefined && /^\d+/.test(user) ? { value: String(Number.parseInt(user, 10)) } : null;
  return {
    id,
    repoTags: [...names],
    repoDigests: [...repoDigests],
    size: String(size),
    uid,
    username: uid ? '' : (user?.split(':')[0] ?? ''),
    spec: { image: names[0] ?? id, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' },
    pinned: names.some((name) => name.startsWith('berth.local/')),
  };
}

function authOf(auth: Init<cri.AuthConfig> | null | undefined): RegistryAuth | undefined {
  if (!auth) return undefined;
  if (auth.auth) {
    const [username = '', ...password] = Buffer.from(auth.auth, 'base64').toString().split(':');
    return { username, password: password.join(':') };
  }
  return {
    ...(auth.username ? { username: auth.username, password: auth.password ?? '' } : {}),
    ...(auth.identityToken ? { identityToken: auth.identityToken } : {}),
    ...(auth.registryToken ? { registryToken: auth.registryToken } : {}),
  };
}
