import type {TestProject} from 'vitest/node'
import {objectStorageFolder, stopObjectStorage} from './object-storage.ts'

/** Makes room for the object storage of a test run, which the first test that needs it starts, and takes it down after the last. */
export default async function prepare(project: TestProject): Promise<() => Promise<void>> {
	const folder = await objectStorageFolder()
	project.provide('objectStorage', {folder, ownerPid: process.pid})
	return () => stopObjectStorage(folder)
}
