import type { Clock, Logger } from '@berth/kit';
import type { etcd, Init } from '@berth/protos';
import { StoreError } from '../store-error.ts';
import type { EtcdClient } from './etcd-client.ts';

/** Where all API servers of one etcd, kube-apiserver's too, agree on who compacts (storage/etcd3/compact.go). */
const agreementKey = new TextEncoder().encode('compact_rev_key');

export interface CompactorOptions {
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly intervalMs: number;
  /** Told what is now forgotten. */
  readonly onCompacted: (revision: number) => void;
}

/**
 * Once an interval the server whose compare-and-write comes first compacts to where the store was an interval ago.
 * The others take over its turn's number and the revision, and try again an interval later.
 */
export async function runCompactor(options: CompactorOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, intervalMs } = options;
  let turn = '0';
  let revision = '0';
  while (!signal.aborted) {
    await clock.sleep(intervalMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      ({ turn, revision } = await takeTurn(options, turn, revision));
    } catch (error) {
      if (signal.aborted) return;
      log.warn('history was not compacted; will try again', { revision, error });
    }
  }
}

async function takeTurn({ client, onCompacted }: CompactorOptions, turn: string, revision: string) {
  const value = new TextEncoder().encode(revision);
  const request: Init<etcd.TxnRequest> = {
    compare: [{ key: agreementKey, target: 'VERSION', result: 'EQUAL', version: turn }],
    success: [{ requestPut: { key: agreementKey, value } }],
    failure: [{ requestRange: { key: agreementKey } }],
  };
  // Done twice, the second finds the first one's turn taken: nobody compacts this time.
  const { header, succeeded, responses } = await client.read((member, call) => member.kv.Txn(request, call));
  const newest = header?.revision ?? '0';
  if (!succeeded) return { turn: responses[0]?.responseRange?.kvs[0]?.version ?? '0', revision: newest };
  const next = { turn: String(Number(turn) + 1), revision: newest };
  // At first nothing is known of how old anything is.
  if (revision !== '0') await compactEtcd(client, revision, onCompacted);
  return next;
}

/** Also when it was done already. */
export async function compactEtcd(
  client: EtcdClient,
  revision: string,
  onCompacted: (revision: number) => void,
): Promise<void> {
  try {
    await client.read((member, call) => member.kv.Compact({ revision }, call));
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'Compacted') throw error;
  }
  onCompacted(Number(revision));
}
