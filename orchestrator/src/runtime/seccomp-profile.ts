import type { OciSeccomp } from './oci-spec.ts';

/** EPERM; ENOSYS makes libc fall back to the older call. */
const eperm = 1;
const enosys = 38;

/** Calls that act on the machine, and the capability that lets a container make them anyway. */
const guarded: readonly (readonly [capability: string, names: readonly string[]])[] = [
  [
    'CAP_SYS_ADMIN',
    [
      'mount',
      'umount',
      'umount2',
      'pivot_root',
      'mount_setattr',
      'move_mount',
      'open_tree',
      'fsopen',
      'fsconfig',
      'fsmount',
      'fspick',
      'setns',
      'unshare',
      'swapon',
      'swapoff',
      'quotactl',
      'quotactl_fd',
      'lookup_dcookie',
      'fanotify_init',
    ],
  ],
  ['CAP_BPF', ['bpf']],
  ['CAP_PERFMON', ['perf_event_open']],
  ['CAP_DAC_READ_SEARCH', ['open_by_handle_at']],
  ['CAP_SYS_BOOT', ['reboot', 'kexec_load', 'kexec_file_load']],
  ['CAP_SYS_MODULE', ['init_module', 'finit_module', 'delete_module']],
  ['CAP_SYS_PACCT', ['acct']],
  ['CAP_SYS_RAWIO', ['iopl', 'ioperm']],
  ['CAP_SYS_TIME', ['settimeofday', 'clock_settime', 'clock_adjtime', 'stime']],
  ['CAP_SYS_TTY_CONFIG', ['vhangup']],
  ['CAP_SYSLOG', ['syslog']],
  // The key ring is not namespaced, and user-space page faults widen kernel races: no capability lifts these.
  ['', ['add_key', 'keyctl', 'request_key', 'userfaultfd', 'vmsplice']],
];

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: what `unshare` is refused must not come through `clone`. */
const namespaceFlags = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000];

/** The RuntimeDefault profile: everything but what changes the machine or is not namespaced. */
export function defaultSeccompProfile(capabilities: readonly string[]): OciSeccomp {
  const denied = guarded.filter(([capability]) => !capabilities.includes(capability)).flatMap(([, names]) => names);
  const rule = (names: readonly string[], errnoRet: number) => ({ names, action: 'SCMP_ACT_ERRNO' as const, errnoRet });
  if (capabilities.includes('CAP_SYS_ADMIN')) {
    return { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule(denied, eperm)] };
  }
  const cloneRules = namespaceFlags.map((flag) => ({
    ...rule(['clone'], eperm),
    args: [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' as const }],
  }));
  return { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule(denied, eperm), rule(['clone3'], enosys), ...cloneRules] };
}
