import type { ImageRunConfig } from '../runtime/image-source.ts';

export interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string };
}

/** An image manifest or an index of them (OCI image spec; Docker's schema 2 has the same shape). */
export interface Manifest {
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

export interface ImageConfig {
  readonly architecture?: string;
  readonly os?: string;
  readonly config?: ImageRunConfig;
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] };
  readonly created?: string;
}

/** Go's name of this machine's architecture, as platforms are named. */
export const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

/** The entry of an index that runs here. */
export function choosePlatform(manifests: readonly Descriptor[]): Descriptor | undefined {
  const real = manifests.filter(({ platform }) => platform?.os !== 'unknown');
  return (
    real.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture) ??
    (real.length === 1 && !real[0]?.platform ? real[0] : undefined)
  );
}
