import type { cri } from '@berth/protos';
import { expect, test } from 'vitest';
import { containerLogPath } from './container-log.ts';

const path = (logDirectory: string, logPath: string) =>
  containerLogPath({ logDirectory } as cri.PodSandboxConfig, { logPath } as cri.ContainerConfig);

test('a log is in the log directory of its pod', () => {
  expect(path('/var/log/pods/a', 'main/0.log')).toBe('/var/log/pods/a/main/0.log');
  expect(path('/var/log/pods/a', './main/../main/1.log')).toBe('/var/log/pods/a/main/1.log');
  expect(path('', 'main/0.log')).toBe('');
});

test.each(['../b/0.log', '/etc/passwd', 'main/../../x', 'a\0b'])(
  'a log path %j that leaves it is refused',
  (logPath) => {
    expect(() => path('/var/log/pods/a', logPath)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  },
);
