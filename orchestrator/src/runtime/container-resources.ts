import { readFileSync } from 'node:fs';
import type { cri } from '@berth/protos';
import type { OciResources } from './oci-spec.ts';

/** CRI's resources as the OCI specification words them; 0 and "" mean "not given". */
export function ociResources(wanted: cri.LinuxContainerResources | null, cgroupVersion: 1 | 2): OciResources {
  if (!wanted) return {};
  const limit = Number(wanted.memoryLimitInBytes);
  const swap = Number(wanted.memorySwapLimitInBytes);
  return {
    cpu: {
      ...given('shares', Number(wanted.cpuShares)),
      ...given('quota', Number(wanted.cpuQuota)),
      ...given('period', Number(wanted.cpuPeriod)),
      ...(wanted.cpusetCpus !== '' && { cpus: wanted.cpusetCpus }),
      ...(wanted.cpusetMems !== '' && { mems: wanted.cpusetMems }),
    },
    memory: { ...given('limit', limit), ...(swap !== 0 && { swap }) },
    hugepageLimits: wanted.hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit: Number(limit) })),
    ...(cgroupVersion === 2 && { unified: wanted.unified }),
  };
}

function given<K extends string>(key: K, value: number): Partial<Record<K, number>> {
  return value === 0 ? {} : ({ [key]: value } as Record<K, number>);
}

/**
 * The nearest oom_score_adj this process may give: without CAP_SYS_RESOURCE a child's cannot go below its own.
 */
export function permittedOomScoreAdj(
  wanted: number,
  readOwn = () => readFileSync('/proc/self/oom_score_adj', 'utf8'),
  status = readFileSync('/proc/self/status', 'utf8'),
): number {
  const sysResource = 24n;
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const clamped = Math.min(1000, Math.max(-1000, wanted));
  return (effective >> sysResource) & 1n ? clamped : Math.max(clamped, Number(readOwn()));
}
