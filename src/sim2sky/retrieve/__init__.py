"""From a simulation's web API to files on disk: cutouts, trees and catalogues."""
