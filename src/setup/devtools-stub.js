export default {initialize() {}, connectToDevTools() {}}
