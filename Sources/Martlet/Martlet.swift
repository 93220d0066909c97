// The front door: who imports Martlet can build graphs and run them.
@_exported public import MartletBytes
@_exported public import MartletEngine
@_exported public import MartletGraph
