// The front door: who imports Martlet can build graphs, run them, and give its own types bytes.
@_exported public import MartletBytes
@_exported public import MartletEngine
@_exported public import MartletGraph
