/** The `config` object of an OCI image configuration; only what starting a container reads. */
export interface ImageRunConfig {
  /** `user`, `uid`, `user:group` or `uid:gid`. */
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string;
  /** `SIGTERM` or `15`. */
  readonly StopSignal?: string;
}

export interface ResolvedImage {
  /** The digest of the image's config, `sha256:…`. */
  readonly id: string;
  /** What a pod's status names it by: `repository@digest` as pulled, or the id where it was loaded from a file. */
  readonly ref?: string;
  readonly config: ImageRunConfig;
  /** Unpacked layers from the lowest to the uppermost, in overlay's on-disk format (whiteouts, opaque directories). */
  readonly layerDirs: readonly string[];
}

/** Where the runtime finds the root filesystems of its containers. */
export interface ImageStore {
  /** By name, name with digest, or image id; undefined where it is not on this machine. Never pulls. */
  resolve(reference: string): Promise<ResolvedImage | undefined>;
}
