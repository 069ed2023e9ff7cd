import {instantOfMs} from '../../src/domain/time.ts'
import {describeStoreContract} from '../adapters/store/contract.ts'
import {createMemoryStore} from './memory-store.ts'

describeStoreContract('the memory store of the tests', async () => {
	const store = createMemoryStore()
	// What stores have to offer is the contract's business; what tests add to look at it is not.
	const {objects, requests: _requests, ...plain} = store
	return {
		store: plain,
		put: async (key, content) => void objects.set(key, {content, modifiedAt: instantOfMs(Date.now())}),
		remove: async key => void objects.delete(key),
		discard: async () => objects.clear(),
	}
})
