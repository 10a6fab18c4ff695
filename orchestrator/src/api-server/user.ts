/** Who asks: a certificate's CN and O, or what a token stands for. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Components in this process: what a client certificate of the group system:masters would be. */
export const loopback: User = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };
