import type { Clock } from '@berth/kit';
import type { VolumeError } from '../../executor/volume-error.ts';
import type { Payload } from '../../volume-files/payload.ts';
import type { ServiceAccountTokens } from '../../volume-files/service-account-tokens.ts';
import type { VolumeSpec } from '../../volume-spec.ts';
import type { ObjectReader } from './object-reader.ts';

/** Where the files of content volumes come from. */
export interface ContentContext {
  readonly objects: ObjectReader;
  readonly tokens: ServiceAccountTokens;
  readonly clock: Clock;
  readonly allocatable: Readonly<Record<string, string>>;
}

export interface Content {
  readonly payload: Payload;
  /** When something in it (a token) has to be replaced, in the clock's wall time. */
  readonly renewAtMs?: number;
}

/** Collects a volume's files. @throws {@link VolumeError} Transient – an object is missing or unreadable. */
export type Collect = (context: ContentContext, spec: VolumeSpec, signal: AbortSignal) => Promise<Content>;
