import type { Clock } from '@berth/kit';
import { type cri, type GrpcCode, grpcError, type Init, type ServiceClient } from '@berth/protos';
import { ImageError } from './image-error.ts';
import type { ImageSummary, Images } from './image-store.ts';
import type { RegistryAuth } from './registry-client.ts';

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
  /** Ids of the images that containers were made from. */
  readonly usedIds: () => Promise<ReadonlySet<string>>;
}

/** CRI's ImageService over the image store, for the kubelet in this process. */
export function createImageService({
  images,
  folder,
  clock,
  usedIds,
}: ImageServiceOptions): ServiceClient<cri.ImageService> {
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
        await images.pull(reference, authOf(auth), options?.signal ? { signal: options.signal } : {});
        return { imageRef: (await images.find(reference))?.id ?? '' };
      }),
    RemoveImage: ({ image }) =>
      wire(async () => {
        const found = await images.find(image?.image ?? '');
        const used = await usedIds();
        if (found) await images.remove(image?.image ?? '', (id) => used.has(id));
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

function describe({ id, names, manifest, size, user }: ImageSummary): cri.Image {
  const uid = user !== undefined && /^\d+/.test(user) ? { value: String(Number.parseInt(user, 10)) } : null;
  return {
    id,
    repoTags: names.filter((name) => !name.includes('@')),
    repoDigests: [...new Set(names.map((name) => `${name.replace(/@.*$/, '').replace(/:[^/:]*$/, '')}@${manifest}`))],
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
