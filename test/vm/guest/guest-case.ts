/** One thing a guest tries. It fails by throwing; its message is the test's. */
export interface GuestCase {
  readonly name: string;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** What the guest tells the host, one JSON text a line. */
export type GuestReport =
  | { readonly type: 'started'; readonly kernel: string }
  | { readonly type: 'begin'; readonly name: string }
  | { readonly type: 'end'; readonly name: string; readonly durationMs: number; readonly failure?: string }
  | { readonly type: 'done' };

/** The guest's end of the virtio port that the host reads. */
export const reportPort = '/dev/vport0p1';
