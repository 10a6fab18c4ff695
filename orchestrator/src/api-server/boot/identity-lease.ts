import { createHash } from 'node:crypto';
import { rfc3339Micro } from '@berth/kit';
import { isConflict, isNotFound, type Lease } from '@berth/kube';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { changeOwn } from './change-own.ts';
import { createOwn } from './create-own.ts';
import { deleteOwn } from './delete-own.ts';

const namespace = 'kube-system';
const identity = { label: 'apiserver.kubernetes.io/identity', of: 'kube-apiserver' } as const;
const durationSeconds = 3600;

/**
 * The Lease by which others know that this server lives (controlplane/apiserver, APIServerIdentity). Whoever does not renew it
 * for an hour is no server any more, and its Lease is removed by another.
 */
export class IdentityLease {
  readonly #context: ServerContext;
  readonly #definition: ResourceDefinition;
  readonly #hostname: string;
  readonly #name: string;
  readonly #holder: string;
  readonly #peerAddress: string | undefined;

  private constructor(
    context: ServerContext,
    parts: { definition: ResourceDefinition; hostname: string; peerAddress: string | undefined },
  ) {
    this.#context = context;
    this.#definition = parts.definition;
    this.#hostname = parts.hostname;
    this.#peerAddress = parts.peerAddress;
    this.#name = identityOf(parts.hostname);
    this.#holder = `${this.#name}_${context.rng.uuid()}`;
  }

  /** `peerAddress` is where other servers of the store reach this one. Undefined: Leases are not served. */
  static of(context: ServerContext, hostname: string, peerAddress: string | undefined): IdentityLease | undefined {
    const definition = context.registry.ofResource('coordination.k8s.io', 'leases');
    return definition && new IdentityLease(context, { definition, hostname, peerAddress });
  }

  /** Takes the place of one that ran here before. @throws ApiError */
  async begin(): Promise<void> {
    await this.#remove(this.#name);
    await this.renew();
  }

  /** @throws ApiError */
  async renew(): Promise<void> {
    const definition = this.#definition;
    const place = { namespace, name: this.#name };
    const change = (object: AnyObject) => this.#renewed(object);
    try {
      await changeOwn(this.#context, { definition, ...place, subresource: '', endpoint: 'main', change });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const object = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: place };
      await createOwn(this.#context, {
        definition,
        object: this.#renewed({ ...object, spec: { holderIdentity: this.#holder } }),
      });
    }
  }

  /** Removes those of servers that are no more. @throws ApiError */
  async collect(): Promise<void> {
    const { objects } = await this.#context.storage(this.#definition).range({ namespace });
    for (const { object } of objects) {
      const { metadata, spec } = object as Lease;
      if (metadata.labels?.[identity.label] !== identity.of) continue;
      const until = Date.parse(spec?.renewTime ?? '') + (spec?.leaseDurationSeconds ?? Number.NaN) * 1000;
      if (!(until >= this.#context.clock.now())) await this.#remove(metadata.name ?? '', metadata.resourceVersion);
    }
  }

  /** @throws ApiError */
  async end(): Promise<void> {
    await this.#remove(this.#name);
  }

  #renewed({ metadata, spec, ...rest }: AnyObject): AnyObject {
    const peer = this.#peerAddress;
    const annotations = {
      ...metadata.annotations,
      ...(peer === undefined ? {} : { 'kubernetes.io/peer-advertise-address': peer }),
    };
    return {
      ...rest,
      metadata: {
        ...metadata,
        labels: { ...metadata.labels, [identity.label]: identity.of, 'kubernetes.io/hostname': this.#hostname },
        ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      },
      spec: {
        ...spec,
        leaseDurationSeconds: durationSeconds,
        renewTime: rfc3339Micro(this.#context.clock.now()),
      },
    } as AnyObject;
  }

  /** That of another only where it is as it was found. */
  async #remove(name: string, resourceVersion?: string): Promise<void> {
    const preconditions = resourceVersion === undefined ? {} : { resourceVersion };
    try {
      await deleteOwn(this.#context, { definition: this.#definition, namespace, name, preconditions });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}

/** A server is known by its machine's name (apiserver NewConfig): base32 of half the SHA-256 of both names, each behind its length. */
export function identityOf(hostname: string): string {
  const hash = createHash('sha256');
  for (const part of [hostname, identity.of]) {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    hash.update(length).update(bytes);
  }
  return `apiserver-${base32(hash.digest().subarray(0, 16))}`;
}

const digits = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => digits[Number.parseInt(five.padEnd(5, '0'), 2)]).join('');
}
