import type { Clock } from '@berth/kit';
import { messageOf } from '@berth/kit';
import { type KubeClient, type Pod, resources, type TokenRequest } from '@berth/kube';
import { VolumeError } from '../executor/volume-error.ts';

export interface TokenWish {
  readonly pod: Pod;
  readonly audiences: readonly string[];
  readonly expirationSeconds?: number;
}

export interface ServiceAccountToken {
  readonly token: string;
  readonly expirationTimestamp: string;
  /** From this moment a newer one should be asked for: at 80 % of its life. */
  readonly renewAtMs: number;
}

/** Kubelet asks for a new token once less than this part of its life is left, or after a day (token_manager.go). */
const lifeUsed = 0.8;
const maxAgeMs = 24 * 3600_000;
/** Kubernetes' default and the default of a projected token. */
const defaultExpirationSeconds = 3600;

interface Cached extends ServiceAccountToken {
  readonly expiresAtMs: number;
}

/** Tokens of pods' service accounts, bound to their pods, kept until they are due for renewal. */
export class ServiceAccountTokens {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  /** By pod uid, then by audiences and life. */
  readonly #cache = new Map<string, Map<string, Cached>>();

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws VolumeError Transient – the API server gives none, and none is still valid. */
  async get(wish: TokenWish, signal: AbortSignal): Promise<ServiceAccountToken> {
    const uid = wish.pod.metadata.uid ?? '';
    const key = JSON.stringify([wish.audiences, wish.expirationSeconds]);
    const known = this.#cache.get(uid)?.get(key);
    const now = this.#clock.now();
    if (known && now < known.renewAtMs) return known;
    try {
      const fresh = await this.#request(wish, signal);
      const ofPod = this.#cache.get(uid) ?? new Map<string, Cached>();
      this.#cache.set(uid, ofPod.set(key, fresh));
      return fresh;
    } catch (error) {
      // An old token that is still valid is better than none; a minute later it is tried again.
      if (known && now < known.expiresAtMs) return { ...known, renewAtMs: now + 60_000 };
      throw new VolumeError('Transient', `failed to fetch token: ${messageOf(error)}`, { cause: error });
    }
  }

  forgetPod(uid: string): void {
    this.#cache.delete(uid);
  }

  async #request({ pod, audiences, expirationSeconds }: TokenWish, signal: AbortSignal): Promise<Cached> {
    const { name, namespace, uid } = pod.metadata;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: [...audiences],
        expirationSeconds: expirationSeconds ?? defaultExpirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const account = { namespace, name: pod.spec?.serviceAccountName || 'default' };
    const answer = await this.#client.createSub<TokenRequest>(
      resources.serviceaccounts,
      account,
      'token',
      body,
      signal,
    );
    const { token, expirationTimestamp } = answer.status ?? {};
    if (!token || !expirationTimestamp) throw new Error('the server answered a TokenRequest without a token');
    const issuedAtMs = this.#clock.now();
    const expiresAtMs = Date.parse(expirationTimestamp);
    const renewAtMs = issuedAtMs + Math.min(maxAgeMs, (expiresAtMs - issuedAtMs) * lifeUsed);
    return { token, expirationTimestamp, expiresAtMs, renewAtMs };
  }
}
