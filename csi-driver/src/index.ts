/** The CSI driver as a library, for its program and for tests: reached by others only through its socket. */
export { type DriverOptions, startDriver } from './driver.ts';
export { StartError } from './start-error.ts';
export { version } from './version.ts';
